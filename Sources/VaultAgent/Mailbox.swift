internal import Platform
internal import Synchronization

/// Messages for one thread, which any thread leaves there and wakes it by.
final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    /// Is signalled when there is a message.
    let wakeup: Wakeup

    /// - Throws: what the system refuses, such as `Errno.tooManyFiles`.
    init() throws(Errno) { wakeup = try Wakeup() }

    /// Leaves a message.
    func post(_ message: Message) {
        let isFirst = messages.withLock { messages in
            messages.append(message)
            return messages.count == 1
        }
        if isFirst { wakeup.signal() }
    }

    /// Takes all messages, in the order in which they were left; never waits.
    func takeAll() -> [Message] {
        wakeup.clear()
        return messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }
}
