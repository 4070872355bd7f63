"""C9: does an emotion that is rare in training become diffuse?"""
