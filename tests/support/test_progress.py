import os
import sys

from tfnas.support.progress import bar, say


class Terminal:
    """A screen of 40 columns that remembers what was written to it."""

    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


def test_on_a_terminal_one_line_is_written_over_and_never_wraps(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(
        "shutil.get_terminal_size", lambda *_args: os.terminal_size((40, 24))
    )
    line = bar(10, "Search 1/2", done=4)
    line.set_postfix_str("loss 0.5  " + 10 * "skip_connect 0%", refresh=False)
    line.update(2)
    line.refresh()
    line.close()

    assert "\n" not in terminal.text
    assert "Search 1/2: 60 %" in terminal.text
    assert max(len(shown) for shown in terminal.text.split("\r")) <= 40


def test_elsewhere_lines_are_whole(capsys):
    line = bar(10, "Search 1/2")
    line.set_postfix_str("x" * 200, refresh=False)
    line.refresh()
    line.close()
    say("done")

    written = capsys.readouterr().err
    assert "x" * 200 in written
    assert written.endswith("done\n")


def test_what_is_done_before_the_delay_has_passed_shows_nothing(capsys):
    for delay_s in (60, 0):
        with bar(3, "Read", delay_s=delay_s) as line:
            line.update(3)
        assert ("Read" in capsys.readouterr().err) == (delay_s == 0)
