"""Answers to the exercises, right and wrong, a module a lesson.

RIGHT : for each exercise answers that differ from the model answer, and are right
WRONG : for each exercise pairs of a wrong answer, as learners give it, and words of what it must be told
"""
