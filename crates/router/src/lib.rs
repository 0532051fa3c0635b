//! Decides which team gets a message, remembers why, and puts it on the team's queue.
