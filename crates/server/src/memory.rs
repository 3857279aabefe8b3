//! How the system hands out memory.

/// From how many MiB of keys on large pages are worth what they waste.
#[cfg(target_os = "linux")]
const LARGE_PAGES_FROM: u64 = 1024;

/// Asks for small pages if keys may take this little memory. Of large ones, which are given as a whole, a sixth lay idle
/// when keys came and went; what they save is a fiftieth of a verification, and only with a million keys in memory.
pub fn fit_to(key_cache_mebibytes: u64) {
    #[cfg(target_os = "linux")]
    if key_cache_mebibytes < LARGE_PAGES_FROM
        && let Err(error) = rustix::thread::disable_transparent_huge_pages(true)
    {
        tracing::debug!(%error, "the system does not let the program choose its pages");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = key_cache_mebibytes;
}
