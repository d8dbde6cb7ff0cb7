from tfnas.networks.fit import Progress


def test_every_epoch_has_the_same_title(capsys):
    progress = Progress("Search", 2, lambda logs: "")
    progress.set_params({"steps": 1, "epochs": 2})
    for epoch in (0, 1):
        progress.on_epoch_begin(epoch)
        progress.on_train_batch_end(0, {})
    progress.bar.refresh()
    progress.bar.close()

    written = capsys.readouterr().err
    assert "Search 1/2: 0 %" in written
    assert "Search 2/2: 100 %" in written
