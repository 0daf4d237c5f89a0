import Platform
import Sodium

@testable import VaultFile

/// A vault file that an input describes, sealed with the known key, so that a fuzzer reaches the code behind the seals.
///
/// The first byte describes the header; instructions follow.
struct Script {
    /// The eight names of records.
    static let addresses: [Address] = {
        let long = [UInt8](repeating: UInt8(ascii: "n"), count: 128)
        let found = [
            Address(scope: 1, id: [], name: Array("A".utf8)),
            Address(scope: 1, id: [], name: Array("B_2".utf8)),
            Address(scope: 2, id: Array("web".utf8), name: Array("A".utf8)),
            Address(scope: 3, id: Array("gpu-1".utf8), name: Array("A".utf8)),
            Address(scope: 2, id: long, name: long),
            Address(scope: 1, id: [], name: Array("_x.y-z".utf8)),
            Address(scope: 2, id: Array("web".utf8), name: Array("B".utf8)),
            Address(scope: 3, id: Array("web".utf8), name: Array("A".utf8)),
        ].compactMap(\.self)
        require(found.count == 8, "the names are names")
        return found
    }()

    /// The bits of the first byte.
    private enum Shape {
        static let isRaw: UInt8 = 0x80
        static let hasBaseEnd: UInt8 = 0x40
        static let hasRecovery: UInt8 = 0x20
        static let dirtyGap: UInt8 = 0x10
        static let otherCopy: UInt8 = 0x08
        static let compatible: UInt8 = 0x04
        static let readOnly: UInt8 = 0x02
        static let later: UInt8 = 0x01
    }

    /// The maximum size of a file, since longer ones slow the fuzzer down.
    private static let maxBytes = 48 << 10

    /// The bytes of the file.
    static func file(_ input: [UInt8]) -> [UInt8] {
        let shape = input.first ?? 0
        var script = Script(shape, baseEnd: nil)
        script.run(Array(input.dropFirst()))
        if let baseEnd = script.markedBaseEnd, shape & Shape.hasBaseEnd != 0 {
            // Lengths do not depend on the header, so any header gives the same.
            script = Script(shape, baseEnd: baseEnd)
            script.run(Array(input.dropFirst()))
        }
        var front = Known.front(script.header)
        if shape & Shape.dirtyGap != 0 { front[2000] = 1 }
        if shape & Shape.otherCopy != 0 { front[4100] ^= 1 }
        return front + script.body
    }

    /// Two transactions behind any header.
    static func frames(behind header: [UInt8]) -> [UInt8] {
        var script = Script(0, header)
        script.run([0x80, 5, 1, 0x00, 1, 2, 0x91])
        return script.body
    }

    private let shape: UInt8
    private let header: [UInt8]
    private let key: FrameKey
    private var markedBaseEnd: UInt64?
    private var body: [UInt8] = []
    private var frames: [Range<Int>] = []
    private var seq: UInt64
    private var tag: [UInt8]
    private var transactionStart: UInt64 = 4608
    private var time = Known.now

    private init(_ shape: UInt8, baseEnd: UInt64?) {
        let seq: UInt64 = shape & Shape.later != 0 ? 7 : 0
        let header = Known.header { header in
            if shape & Shape.later != 0 {
                header.store(UInt64(2), at: 48)
                header.store(seq, at: 56)
                header.store(UInt64(99), at: 104)
            }
            if let baseEnd, shape & Shape.later != 0 { header.store(baseEnd, at: 64) }
            if shape & Shape.readOnly != 0 { header[20] = 1 }
            if shape & Shape.compatible != 0 { header[24] = 1 }
            if shape & Shape.hasRecovery != 0 {
                header[272] = 2
                for index in 288..<408 { header[index] = UInt8(truncatingIfNeeded: index) }
            }
        }
        self.init(shape, header)
    }

    private init(_ shape: UInt8, _ header: [UInt8]) {
        self.shape = shape
        self.header = header
        key = Known.frameKey(header)
        seq = header.number(UInt64.self, at: 56)
        tag = Array(header[480..<496])
    }

    private var end: UInt64 { 4608 + UInt64(body.count) }

    private mutating func run(_ input: [UInt8]) {
        if shape & Shape.isRaw != 0 { return body = input }
        var reader = InputReader(input)
        while !reader.isAtEnd, body.count < Script.maxBytes {
            let code = reader.byte()
            obey(code & 15, code >> 4, &reader)
        }
    }

    private mutating func obey(_ code: UInt8, _ argument: UInt8, _ reader: inout InputReader) {
        let address = Script.addresses[Int(argument & 7)]
        let commits = argument & 8 != 0
        switch code {
        case 0: put(address, Script.pattern(reader.byte(), seed: reader.byte()), commits: commits)
        case 1: put(address, nil, commits: commits)
        case 2: putUnknown(argument, &reader)
        case 3: putWild(address, &reader)
        case 4: body += reader.take(Int(reader.byte()))
        case 5: body += [UInt8](repeating: 0, count: 16 * (Int(argument) + 1))
        case 6: repeatFrame(Int(argument))
        case 7: body.removeLast(min(body.count, Int(reader.byte())))
        case 8: flip(Int(reader.number(UInt16.self)), reader.byte())
        case 9: markedBaseEnd = end & ~15
        case 10: turnClock(argument, &reader)
        case 11: transactionStart = end
        case 12: lose(argument)
        case 13: putLarge(address, &reader, commits: commits)
        case 14: putMany(argument)
        default: putFalseFrame(argument, &reader)
        }
    }

    /// Bytes that resemble no other part of a file.
    private static func pattern(_ length: UInt8, seed: UInt8) -> [UInt8] {
        pattern(length < 224 ? Int(length) : (Int(length) - 223) * 40, seed: seed)
    }

    private static func pattern(_ count: Int, seed: UInt8) -> [UInt8] {
        let start = (0..<min(count, 16)).map { UInt8(truncatingIfNeeded: $0 &* 3) &+ seed }
        return start + [UInt8](repeating: seed, count: count - start.count)
    }

    private static func addressBody(_ address: Address) -> [UInt8] {
        let packed = address.secret.packed
        return Array(packed[0..<3]) + [0] + Array(packed[3...])
    }

    private mutating func put(_ address: Address, _ value: [UInt8]?, commits: Bool) {
        let body = Script.addressBody(address) + (value ?? [])
        let kind: UInt8 = address.isOfMetadata ? 0xC9 : value == nil ? 2 : 1
        seal(Plaintext(kind: kind, flags: commits ? 1 : 0, body: body))
        time += 1
    }

    private mutating func putUnknown(_ argument: UInt8, _ reader: inout InputReader) {
        let flags: UInt8 = argument & 8 != 0 ? 1 : 0
        if argument & 1 != 0 {
            let head = Known.vaultID + (0..<40).map { UInt8($0) }
            return seal(Plaintext(kind: 0xC1, flags: flags, body: head))
        }
        if argument & 4 != 0 {
            let which = reader.byte()
            let count = which & 0x80 == 0 ? Int(reader.byte()) : (1 << 16) - 40 + Int(reader.byte() & 63)
            let address = Script.addresses[Int(which & 7)].metadata
            return put(address, Script.pattern(count, seed: which), commits: flags == 1)
        }
        let kind = reader.byte() | (argument & 2 != 0 ? 0x80 : 0)
        seal(
            Plaintext(kind: kind, flags: flags, body: Script.pattern(reader.byte(), seed: reader.byte())))
    }

    private mutating func putLarge(_ address: Address, _ reader: inout InputReader, commits: Bool) {
        let number = Int(reader.number(UInt16.self))
        // Values of the largest sizes take too long to be made often.
        let count = reader.byte() == 0x77 ? (1 << 20) - number % 70_000 : number % 20_000
        put(address, Script.pattern(count, seed: 0), commits: commits)
    }

    private mutating func putMany(_ argument: UInt8) {
        for number in 0..<2 * (Int(argument) + 1) {
            let name = Array("N\(number)".utf8)
            guard let address = Address(scope: 1, id: [], name: name) else { broken("no name") }
            put(address, [UInt8(number & 255)], commits: argument & 1 == 0 || number % 2 == 1)
        }
    }

    /// A record in which any field may be wrong.
    private mutating func putWild(_ address: Address, _ reader: inout InputReader) {
        let mask = reader.number(UInt16.self)
        func has(_ bit: Int) -> Bool { mask >> bit & 1 != 0 }
        var body = Script.addressBody(address) + Script.pattern(reader.byte(), seed: 1)
        var plaintext = Plaintext(kind: 1, flags: 1, body: [])
        if has(0) { plaintext.kind = reader.byte() }
        if has(1) { plaintext.flags = reader.byte() }
        if has(2) { plaintext.reserved = reader.number(UInt16.self) }
        if has(3) { plaintext.bodySize = reader.number(UInt32.self) }
        if has(4) { plaintext.seqSkew = UInt64(bitPattern: Int64(Int8(bitPattern: reader.byte()))) }
        if has(5) { plaintext.tagSkew = reader.byte() }
        if has(6) { plaintext.transactionStart = 4608 &+ UInt64(reader.number(UInt16.self)) &* 16 }
        if has(7) { plaintext.time = reader.number(UInt64.self) }
        if has(8) { plaintext.padding = reader.byte() }
        if has(9) { plaintext.extraBlocks = Int(Int8(bitPattern: reader.byte())) }
        if has(10) { plaintext.offsetSkew = UInt64(bitPattern: Int64(Int8(bitPattern: reader.byte()))) &* 16 }
        if has(11) { plaintext.sumSkew = reader.byte() }
        if has(12) { body[0] = reader.byte() }
        if has(13) { body[1] = reader.byte() }
        if has(14) { body[2] = reader.byte() }
        if has(15) { body[3 + Int(reader.byte()) % (body.count - 3)] = reader.byte() }
        plaintext.body = body
        seal(plaintext)
    }

    /// Bytes that look like a frame until their box is opened.
    private mutating func putFalseFrame(_ argument: UInt8, _ reader: inout InputReader) {
        let count = 16 * (Int(reader.byte()) + Int(argument >> 1) * 8)
        var frame = [UInt8](repeating: 0, count: 32) + Script.pattern(count, seed: 9)
        frame.store(UInt32(count), at: 0)
        frame.store(end, at: 24)
        frame.store(Script.sum(of: frame) ^ UInt32(argument & 1), at: 4)
        body += frame
    }

    private mutating func repeatFrame(_ number: Int) {
        guard !frames.isEmpty else { return }
        let range = frames[number % frames.count]
        if range.upperBound <= body.count { body += Array(body[range]) }
    }

    private mutating func flip(_ offset: Int, _ bits: UInt8) {
        if !body.isEmpty { body[offset % body.count] ^= bits }
    }

    private mutating func turnClock(_ argument: UInt8, _ reader: inout InputReader) {
        switch argument & 3 {
        case 0: time -= min(time, 1)
        case 1: time = reader.number(UInt64.self) % (Format.maxTime + 2)
        case 2: time -= min(time, 1000)
        default: time += 1000
        }
    }

    /// Continues as if records had been lost here.
    private mutating func lose(_ argument: UInt8) {
        seq += UInt64(argument & 7) + 1
        tag = [UInt8](repeating: argument, count: 16)
        body += [UInt8](repeating: argument, count: 16 * Int(argument))
        if argument & 8 != 0 { transactionStart = end }
    }

    private struct Plaintext {
        var kind: UInt8
        var flags: UInt8
        var reserved: UInt16 = 0
        var body: [UInt8]
        var bodySize: UInt32?
        var seqSkew: UInt64 = 0
        var tagSkew: UInt8 = 0
        var transactionStart: UInt64?
        var time: UInt64?
        var padding: UInt8 = 0
        var extraBlocks = 0
        var offsetSkew: UInt64 = 0
        var sumSkew: UInt8 = 0
    }

    private mutating func seal(_ record: Plaintext) {
        let content = 48 + record.body.count
        let count = max(Format.bucket(content) + 16 * record.extraBlocks, 16 * ((content + 15) / 16))
        var plaintext = [UInt8](repeating: record.padding, count: count)
        plaintext[0] = record.kind
        plaintext[1] = record.flags
        plaintext.store(record.reserved, at: 2)
        plaintext.store(record.bodySize ?? UInt32(record.body.count), at: 4)
        plaintext.store(seq &+ 1 &+ record.seqSkew, at: 8)
        plaintext.replaceSubrange(16..<32, with: tag)
        plaintext[16] ^= record.tagSkew
        plaintext.store(record.transactionStart ?? transactionStart, at: 32)
        plaintext.store(record.time ?? time, at: 40)
        plaintext.replaceSubrange(48..<content, with: record.body)
        append(plaintext, offset: end &+ record.offsetSkew, sumSkew: record.sumSkew)
        if record.flags & 1 != 0 { transactionStart = end }
    }

    private mutating func append(_ plaintext: [UInt8], offset: UInt64, sumSkew: UInt8) {
        var head = [UInt8](repeating: 0x5A, count: 32)
        head.store(UInt32(plaintext.count + 16), at: 0)
        head.store(offset, at: 24)
        var box = [UInt8](repeating: 0, count: plaintext.count + 16)
        var span = box.mutableSpan
        SecretBox.seal(plaintext.span, nonce: head.span.extracting(8..<32), key: key.key, into: &span)
        var frame = head + box
        frame.store(Script.sum(of: frame) ^ UInt32(sumSkew), at: 4)
        frames.append(body.count..<body.count + frame.count)
        body += frame
        seq &+= 1
        tag = Array(box[0..<16])
    }

    private static func sum(of frame: [UInt8]) -> UInt32 {
        var sum = CRC32C()
        sum.update(frame.span.extracting(0..<4))
        sum.update(frame.span.extracting(8..<frame.count))
        return sum.value
    }
}
