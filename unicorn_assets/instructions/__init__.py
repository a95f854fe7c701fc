"""Stage 2: question-answer pairs about a caption, and the multi-turn training records made of them."""
