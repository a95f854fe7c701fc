"""Who listens hears events of its kind, in the emitting thread, until it ends; a stream above hears all of them."""

from unicorn_assets.stream import Stream


def test_who_listens_hears_its_kind_meanwhile_and_the_stream_above_hears_too():
    above = Stream()
    below = Stream(above)
    heard: list[object] = []
    everything: list[object] = []
    above.subscribe(object, everything.append)
    with below.heard(int, heard.append):
        for event in (1, "two", 3):
            below.emit(event)
    below.emit(4)
    assert heard == [1, 3]
    assert everything == [1, "two", 3, 4]


def test_one_who_listens_may_end_it_while_it_is_told():
    stream, heard = Stream(), []

    def once(event: int) -> None:
        heard.append(event)
        end()

    end = stream.subscribe(int, once)
    stream.subscribe(int, heard.append)
    stream.emit(1)
    stream.emit(2)
    assert heard == [1, 1, 2]
