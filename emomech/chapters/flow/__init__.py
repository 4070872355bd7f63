"""C1: do features turn from syntax through semantics to emotion with depth?"""
