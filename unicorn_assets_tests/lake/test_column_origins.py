from unicorn_assets.graph import ASSETS, TABLES
from unicorn_assets.lake.column_origins import ORIGINS
from unicorn_assets.lake.schemas import TABLES as SCHEMAS

FROM_OUTSIDE = {
    "seed_catalog": set(SCHEMAS["seed_catalog"]), "near_duplicates": {"shard"},
    **{asset.name: {"model", "prompt_version"} for asset in ASSETS.values() if asset.asks},
}  # fmt: skip


def test_each_table_of_the_graph_says_where_its_columns_come_from() -> None:
    assert set(ORIGINS) == set(TABLES)
    for table, origins in ORIGINS.items():
        assert set(SCHEMAS[table]) - set(origins) == FROM_OUTSIDE.get(table, set()), table
        assert set(origins) <= set(SCHEMAS[table]), table


def test_columns_come_from_columns_of_parents() -> None:
    for table, origins in ORIGINS.items():
        for sources in origins.values():
            for parent, column in sources:
                assert parent in ASSETS[table].parents, (table, parent)
                assert column in SCHEMAS[parent], (parent, column)
        parents = {parent for sources in origins.values() for parent, _ in sources}
        assert parents == set(ASSETS[table].parents), table
