//! Time limits of a connection by one alarm.
//!
//! A limit begins and ends with each request, and almost none is ever reached. To have the runtime's clock take each of
//! them up and drop it again is a hundredth of all that a small request takes. So a connection has one alarm, which is
//! set again only when it rings: by then most limits are over that it was set for.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};

/// The timer of a connection that waits for one thing at a time.
#[derive(Debug, Clone)]
pub(super) struct Alarm(Arc<Mutex<Pin<Box<tokio::time::Sleep>>>>);

impl Alarm {
    /// One that is not set.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Box::pin(tokio::time::sleep(Duration::MAX)))))
    }
}

impl Timer for Alarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, until: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Waiting { alarm: self.clone(), until: until.into() })
    }
}

/// Waits until a moment.
#[derive(Debug)]
struct Waiting {
    alarm: Alarm,
    until: tokio::time::Instant,
}

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Mostly it is set for the end of a limit before this one.
        if alarm.deadline() > self.until {
            alarm.as_mut().reset(self.until);
        }
        while alarm.as_mut().poll(context).is_ready() {
            if alarm.deadline() >= self.until {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(self.until);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadline(alarm: &Alarm) -> Instant {
        alarm.0.lock().expect("nobody panicked").deadline().into()
    }

    fn is_over(waiting: &mut Pin<Box<dyn Sleep>>) -> bool {
        waiting.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn the_alarm_is_set_for_the_first_limit_and_again_when_it_rings() {
        let alarm = Alarm::new();
        let now = alarm.now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let mut first = alarm.sleep_until(later(100));
        assert!(!is_over(&mut first) && deadline(&alarm) == later(100));
        drop(first);
        let mut next = alarm.sleep_until(later(200));
        assert!(!is_over(&mut next) && deadline(&alarm) == later(100), "it is left as it is set");
        let mut sooner = alarm.sleep_until(later(50));
        assert!(!is_over(&mut sooner) && deadline(&alarm) == later(50), "it may not ring too late");
        alarm.0.lock().expect("nobody panicked").as_mut().reset(now.into());
        while !alarm.0.lock().expect("nobody panicked").is_elapsed() {
            tokio::task::yield_now().await;
        }
        assert!(!is_over(&mut sooner) && deadline(&alarm) == later(50), "it rang before there was a reason");
        assert!(is_over(&mut alarm.sleep_until(now)), "what is over is over");
    }
}
