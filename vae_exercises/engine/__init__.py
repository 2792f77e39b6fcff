"""The kinds of exercises, and what they share: safe calls of a student's code, and verdicts."""
