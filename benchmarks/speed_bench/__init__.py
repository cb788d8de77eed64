"""What the benchmarks of speed share: invented tables, a store with them, fair timing."""
