"""C3: is disgust weak and spread over more features than other emotions?"""
