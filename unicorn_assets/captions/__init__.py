"""Stage 1: a caption per seed. Prompts, drafts and their gates, and what becomes of the drafts in the corpus."""
