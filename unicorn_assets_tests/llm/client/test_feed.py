from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.llm.client.feed import NOT_YET, Feed
from unicorn_assets_tests.llm.rows import Row


@given(st.lists(st.one_of(st.tuples(st.integers(0, 3), st.integers(1, 5)), st.none()), max_size=40), st.integers(1, 6))
def test_rows_come_by_rank_then_in_order_and_the_low_mark_is_told_each_time(steps, few):
    told, waiting, number = [], [], 0
    feed = Feed(few, lambda: told.append(len(waiting)))
    for step in steps:
        if step is not None:
            rank, count = step
            rows = [Row(number + n) for n in range(count)]
            number += count
            waiting += [(rank, row.number, row) for row in rows]
            feed.add(rows, rank)
        elif not waiting:
            assert next(feed) is NOT_YET
        else:
            first = min(waiting)
            waiting.remove(first)
            before = len(told)
            assert next(feed) is first[2]
            assert len(told) - before == (len(waiting) == few - 1)
        assert feed.is_low == (len(waiting) < few)


def test_closed_it_gives_nothing_any_more():
    feed = Feed()
    feed.add([Row(1), Row(2)])
    assert next(feed).number == 1
    feed.close()
    assert list(feed) == []
