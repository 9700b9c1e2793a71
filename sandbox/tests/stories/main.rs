//! The sandbox as a client meets it: stories told over real HTTP, one file for each service.

#[cfg(test)]
mod common;
#[cfg(test)]
mod control;
#[cfg(test)]
mod fangtang;
#[cfg(test)]
mod imageban;
#[cfg(test)]
mod imgfactory;
#[cfg(test)]
mod vkcloud;
#[cfg(test)]
mod watermark;
