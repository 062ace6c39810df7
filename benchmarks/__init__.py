"""Reproducible comparisons with what an application would use instead; see docs/explanation/benchmarks.md."""
