from unicorn_assets.progress import LogProgress


def test_a_line_each_interval_and_one_at_the_end() -> None:
    lines: list[str] = []
    now = [0.0]
    stage = LogProgress(lines.append, every_s=30, clock=lambda: now[0]).stage("captions", 100)
    for second in range(1, 61):
        now[0] = float(second)
        stage.advance(1, accepted=1)
    stage.close()
    assert len(lines) == 3
    assert lines[0] == "captions: 30 of 100 rows, accepted 30, 1.0/s, about 70 s left"
    assert lines[-1] == "captions: 60 of 100 rows, accepted 60, 1.0/s, about 40 s left"
