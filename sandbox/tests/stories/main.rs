//! The sandbox as a client meets it: stories told over real HTTP, one file for each service.

#[cfg(test)]
mod common;
#[cfg(test)]
mod imgfactory;
#[cfg(test)]
mod watermark;
