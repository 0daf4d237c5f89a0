internal import CPlatform
internal import Glibc

/// Work on a thread of its own.
public enum DetachedThread {
    /// Calls `body` on a new thread, which ends with it.
    public static func start(_ body: @escaping @Sendable () -> Void) throws(Errno) {
        pthread_detach(try startThread(body))
    }
}

/// Work on a thread of its own that somebody waits for.
///
/// Signals go to other threads. It has ended when this value is gone.
public struct JoinableThread: ~Copyable {
    private let thread: pthread_t

    /// Calls `body` on a new thread, which ends with it.
    public init(_ body: @escaping @Sendable () -> Void) throws(Errno) {
        var (all, before) = (sigset_t(), sigset_t())
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        thread = try startThread(body)
    }

    deinit { pthread_join(thread, nil) }

    /// Waits until it has ended.
    public consuming func join() {}
}

private final class ThreadBody: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func startThread(_ body: @escaping @Sendable () -> Void) throws(Errno) -> pthread_t {
    let box = unsafe Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    let status = unsafe pthread_create(
        &thread, nil,
        { argument in
            if let argument = unsafe argument {
                unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().body()
            }
            return nil
        }, box.toOpaque())
    guard status == 0 else {
        unsafe box.release()
        throw Errno(rawValue: status)
    }
    return thread
}
