"""Where tables and vectors live: one file per shard, replaced whole, on local disk or S3.

Here: paths, atomic writes, schemas, SQL over shards. Not here: what the rows mean, or who asked for them.
"""
