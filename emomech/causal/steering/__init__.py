"""Steering: operations on features, baselines, the experiment that compares them, recognition before and after."""
