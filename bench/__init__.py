"""How fast is it, beside what it could be at most and what is usual? See docs/benchmarks.md."""
