"""Answers to the exercises, right and wrong, in a module for each topic.

RIGHT : for each exercise, right answers that differ from the model answer
WRONG : for each exercise, pairs of a wrong answer, as students give it, and words that its message must contain
"""
