import os

from tfnas.support.quiet import quiet


def test_quiet_hides_what_c_code_writes_and_gives_stderr_back(capfd):
    with quiet():
        os.write(2, b"noise\n")
    os.write(2, b"news\n")

    assert capfd.readouterr().err == "news\n"
