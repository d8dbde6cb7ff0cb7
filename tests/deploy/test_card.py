from tfnas.deploy.card import card_text, sentence


def test_the_card_is_a_sentence_and_a_table(exported):
    text = card_text(exported[2])

    assert text.startswith("The network for max_pool_3x3 0.3, skip_connect 0.5, ")
    assert "is predicted to take" in sentence(exported[2])
    assert "takes 1.500 ms" in sentence({**exported[2], "measured_latency_ms": 1.5})
    assert "| Measured latency | not measured |" in text
    assert "| Strength | 1 |" in text
