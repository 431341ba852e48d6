//! The supervisor of a testbed's processes.
//!
//! The `testbed-keeper` program starts every process on behalf of the owner and holds one end of a
//! pipe from it. When the owner drops its [`Keeper`], or dies in whatever way, the pipe ends and the
//! keeper ends all processes and removes the testbed's folder. Because the owner itself starts
//! nothing, there is no instant in which its death could leave a process behind.

mod owner;
mod process;
mod protocol;
mod supervise;

pub(crate) use owner::{Keeper, ProcessSpec};
pub use process::{Exit, Process};
pub use protocol::Signal;
pub use supervise::supervise;
