//! Faults of the way out: WhatsApp that loses answers, refuses, hangs or tells late, consent and windows that end while
//! sends wait. What the stand-in took, and what customers wrote, is its own account; the ledger holds the program to it.

mod account;
mod desk;
mod journal;
mod refused;
mod sabotage;
mod settled;
mod stuck;
mod told;
mod unwanted;
mod window;
