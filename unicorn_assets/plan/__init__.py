"""What a recipe will cost before it runs: calls, tokens, time, money and disk, measured on a sample.

Here: what is left to ask (left.py), asking a sample through the journal so that the later run reuses its answers
(sample.py), from the sample to the whole with intervals (estimate.py), and all of it as one plan (make.py). Not here:
printing (terminal/plan.py), or stopping at a budget (llm/spend/budget.py).
"""
