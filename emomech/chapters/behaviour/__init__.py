"""Premise: does the model recognise emotions at all?"""
