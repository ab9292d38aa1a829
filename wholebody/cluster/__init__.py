"""Predictions by worker processes, here or on other machines, through Dask. Only this room imports Dask."""
