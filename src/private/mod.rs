//! Files that only their owner reads, in folders that somebody else may own.
//!
//! No link is followed, what is there already lends nobody its mode, and an owner is changed on a descriptor only: who
//! owns the folder cannot have root write, or give away, a file of root's.

mod drafts;
mod file;
mod owner;
mod room;

pub use file::{
    adopt, ensure, folder, is_link, lock_file, own_folder, own_socket, plain, write, write_durably,
    write_like,
};
pub use owner::{become_owner, foreign_owner, runs_as, user_name};
pub use room::free;
