internal import Platform
internal import Sodium

/// The process that copies a value to the clipboard of a display, and clears it later.
///
/// It keeps no more than a hash of the value under a random key. A signal that ends it, such as SIGTERM, makes
/// it clear the clipboard at once.
public enum ClipboardProcess {
    /// Its name in the list of processes.
    public static let name = "vault-clipboard"

    /// The first byte of its message; the text of an error follows.
    private enum Word: UInt8 {
        case copied = 0
        case failed
        case system
    }

    /// Starts it and waits until the value is copied.
    static func start(
        _ clipboard: DisplayClipboard, _ value: Span<UInt8>, _ milliseconds: UInt64
    ) throws(ClipboardError) {
        var variables = ClipboardEnvironment.variables
        // wl-copy keeps the value in a temporary file.
        if let directory = PrivateFile.runtimeDirectory { variables.append("TMPDIR=\(directory)") }
        // With the count it knows whether this process was killed before it wrote everything.
        let header = field(milliseconds) + field(UInt64(value.count))
        var reply: [UInt8] = []
        do throws(Errno) {
            try DetachedProcess.startSelf(
                as: name, (clipboard.path, clipboard.display), variables: variables,
                give: { input throws(Errno) in
                    try input.writeAll(header.span)
                    try input.writeAll(value)
                },
                take: { reply.append(copying: $0) })
        } catch {
            throw .system(error)
        }
        let text = String(decoding: reply.dropFirst(), as: UTF8.self)
        switch reply.first.flatMap(Word.init) {
        case .copied: return
        case .failed: throw .failed(program: clipboard.program, message: text)
        case .system: throw .system(Errno(rawValue: Int32(text) ?? 0))
        case nil: throw .system(.brokenPipe)
        }
    }

    private static func field(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    /// Does the work of that process, in this one.
    ///
    /// The caller has hardened the process before anything else.
    ///
    /// - Parameter words: the arguments of the process.
    /// - Returns: the exit code.
    public static func run(_ words: [String]) -> Int32 {
        guard words.count == 2, let clipboard = DisplayClipboard(path: words[0], display: words[1]) else {
            return 2
        }
        do throws(ClipboardError) {
            do throws(Errno) {
                try DetachedProcess.detach(name: name)
            } catch {
                throw .system(error)
            }
            try DeferredSignals.during { signals throws(ClipboardError) in
                try run(clipboard, signals)
            } orFail: {
                .system($0)
            }
            return 0
        } catch {
            report(error)
            return 1
        }
    }

    private static func run(_ clipboard: DisplayClipboard, _ signals: DeferredSignals) throws(ClipboardError)
    {
        let key = try withMemory(try Key())
        let (deadline, hash) = try receive(for: clipboard, key)
        endOthers(clipboard)
        say(.copied)
        do throws(Errno) {
            try DetachedProcess.closeInputAndOutput()
            try wait(until: deadline, signals)
        } catch {
            // Then it is cleared at once.
        }
        // A display that is busy may answer the second time; what no program answers is not this value.
        var present = try self.hash(of: clipboard, key)
        if present == nil { present = try self.hash(of: clipboard, key) }
        if present == hash {
            _ = try? clipboard.clearing.run(giving: Span(), keeping: variables)
        }
    }

    /// All variables of this process, which were chosen when it was started.
    private static var variables: [Int] { Array(0..<Environment.count) }

    /// Copies the value on standard input to the clipboard.
    ///
    /// - Returns: the moment at which to clear the clipboard, on the boot clock, and the value's hash.
    private static func receive(
        for clipboard: DisplayClipboard, _ key: borrowing Key
    ) throws(ClipboardError) -> (UInt64, [UInt8]) {
        var input = try withMemory(try SecretBuffer(capacity: 4000))
        while true {
            try withMemory(try input.reserve(4000))
            let count = try input.appendInPlace { free throws(ClipboardError) in
                try system { () throws(Errno) in try InheritedDescriptor.standardInput.read(into: &free) }
            }
            if count == 0 { break }
        }
        return try input.withBytes { input throws(ClipboardError) in
            guard input.count >= 16, input.load(UInt64.self, at: 8) == input.count - 16 else {
                throw .system(.brokenPipe)
            }
            let value = input.extracting(16..<input.count)
            var hash = KeyedHash(key: key, salt: Span(), count: 32)
            hash.update(value)
            try copy(value, to: clipboard)
            return (SystemClock.bootMilliseconds() + input.load(UInt64.self, at: 0), hash.finish())
        }
    }

    private static func copy(_ value: Span<UInt8>, to clipboard: DisplayClipboard) throws(ClipboardError) {
        var message = ""
        for program in clipboard.copying {
            let outcome = try system { () throws(Errno) in
                try program.run(giving: value, keeping: variables)
            }
            switch outcome.status {
            case 0 where outcome.hasReadInput: return
            case 0: message = "it did not read the value"
            case nil: message = "it does not answer"
            default: message = outcome.message
            }
        }
        throw .failed(program: clipboard.program, message: message)
    }

    /// Returns the hash of what the clipboard holds; nil if the program does not answer.
    private static func hash(
        of clipboard: DisplayClipboard, _ key: borrowing Key
    ) throws(ClipboardError) -> [UInt8]? {
        var buffer = try withMemory(try SecretBytes(count: 4000))
        var hash = KeyedHash(key: key, salt: Span(), count: 32)
        let outcome = try buffer.withMutableBytes { buffer throws(ClipboardError) in
            try system { () throws(Errno) in
                try clipboard.pasting.run(keeping: variables, buffer: &buffer) { hash.update($0) }
            }
        }
        guard let status = outcome.status else { return nil }
        return status == 0 ? hash.finish() : []
    }

    /// Ends the processes that would clear this clipboard for an earlier value, and so too early if that was
    /// the same one.
    private static func endOthers(_ clipboard: DisplayClipboard) {
        for process in OwnProcesses.named(name) where process.id != CurrentProcess.identifier {
            if process.words == [name, clipboard.path, clipboard.display] { OwnProcesses.kill(process.id) }
        }
    }

    /// Waits until a moment of the boot clock, or until a signal is to end this process.
    private static func wait(until deadline: UInt64, _ signals: DeferredSignals) throws(Errno) {
        let timer = try BootTimer()
        try timer.set(deadline)
        var poller = Poller()
        let indices = [poller.add(timer), poller.add(signals)]
        while !indices.contains(where: poller.isReady) { try poller.wait(milliseconds: nil) }
    }

    private static func report(_ error: ClipboardError) {
        switch error {
        case .failed(_, let message): say(.failed, message)
        case .system(let error): say(.system, "\(error.rawValue)")
        default: say(.system, "\(Errno.noMemory.rawValue)")
        }
    }

    private static func say(_ word: Word, _ text: String = "") {
        let bytes = [word.rawValue] + Array(text.utf8)
        try? InheritedDescriptor.standardOutput.writeAll(bytes.span)
    }
}

/// Calls `body` and throws its error as one of the clipboard.
func system<R: ~Copyable>(_ body: () throws(Errno) -> R) throws(ClipboardError) -> R {
    try converting(body) { ClipboardError.system($0) }
}

/// Evaluates a call that allocates guarded memory, and throws its error as one of the clipboard.
func withMemory<R: ~Copyable>(_ body: @autoclosure () throws(SodiumError) -> R) throws(ClipboardError) -> R {
    try converting(body) { _ in ClipboardError.noMemory }
}
