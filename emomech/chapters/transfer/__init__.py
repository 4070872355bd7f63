"""C7: do the steered features work on other texts?"""
