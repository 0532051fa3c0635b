//! Partition ownership and the batch loop that every consuming component runs.
