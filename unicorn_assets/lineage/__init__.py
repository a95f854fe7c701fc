"""Where from, where to: what was asked about a row, what a change would change, what two releases differ in.

Not here: the chain of a row through the tables (lake/lineage.py), what a run would cost (plan/).
"""
