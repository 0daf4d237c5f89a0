internal import CPlatform
internal import Glibc

/// A thread that nothing waits for.
public enum DetachedThread {
    /// Starts a thread that calls `body`.
    public static func start(_ body: @escaping @Sendable () -> Void) throws(Errno) {
        pthread_detach(try startThread(body))
    }
}

/// A thread that has ended when this value goes away.
///
/// Signals are delivered to other threads.
public struct JoinableThread: ~Copyable {
    private let thread: pthread_t

    /// Starts a thread that calls `body`.
    public init(_ body: @escaping @Sendable () -> Void) throws(Errno) {
        var (all, before) = (sigset_t(), sigset_t())
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        thread = try startThread(body)
    }

    deinit { pthread_join(thread, nil) }

    /// Waits until the thread has ended.
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
