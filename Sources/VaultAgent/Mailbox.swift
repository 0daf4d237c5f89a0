internal import Platform
internal import Synchronization

/// A queue of messages from any thread to one, which each wakes.
final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    /// Signalled when there are messages.
    let wakeup: Wakeup

    /// - Throws: an error of the system, such as `Errno.tooManyFiles`.
    init() throws(Errno) { wakeup = try Wakeup() }

    /// Adds a message.
    func post(_ message: Message) {
        let isFirst = messages.withLock { messages in
            messages.append(message)
            return messages.count == 1
        }
        if isFirst { wakeup.signal() }
    }

    /// Removes and returns all messages, in the order in which they were posted; never waits.
    func takeAll() -> [Message] {
        wakeup.clear()
        return messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }
}
