internal import CPlatform
internal import Glibc

/// A thread that nothing waits for.
public enum DetachedThread {
    /// Starts a thread that calls `body`.
    public static func start(_ body: @escaping @Sendable () -> Void) throws(Errno) {
        pthread_detach(try startThread(body))
    }
}

/// A second thread that does one thing at a time, and has ended when this value goes away.
///
/// Signals are delivered to other threads.
public struct SecondThread: ~Copyable {
    private var thread: pthread_t?

    /// Creates it without a thread.
    public init() {}

    deinit { if let thread { pthread_join(thread, nil) } }

    /// Starts to call `body` when the last call has returned; without a thread, calls it at once.
    public mutating func start(_ body: @escaping @Sendable () -> Void) {
        wait()
        var (all, before) = (sigset_t(), sigset_t())
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        thread = try? startThread(body)
        unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
        if thread == nil { body() }
    }

    /// Waits until the last call has returned.
    public mutating func wait() {
        if let thread { pthread_join(thread, nil) }
        thread = nil
    }
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

private final class ThreadBody: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
