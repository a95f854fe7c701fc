"""From rows to answers: the engine, its core, the limits of each server, and the words on the wire.

Not here: who serves (llm/endpoints/), what answers cost (llm/spend/), where they are kept (llm/journal/).
"""
