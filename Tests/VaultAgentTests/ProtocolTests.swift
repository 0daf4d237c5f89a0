import Platform
import Sodium
import Testing
import VaultFile
import VaultCore

@testable import VaultAgent

/// Tests which bytes are which message, and that all others are refused.
@Suite struct ProtocolTests {
    private static let errors: [VaultError] =
        [
            .locked, .invalidName, .invalidID, .valueTooLong, .invalidPassphrase, .noSuchSecret,
            .noSuchVersion,
            .derivationBusy,
        ]
        + [
            .noFile, .notAVault(.empty), .notAVault(.directory), .notAVault(.special), .notAVault(.content),
            .alreadyExists, .incompleteCopy(count: 1, expected: 4608), .damagedHeader, .tamperedHeader,
            .damaged(at: 4784), .unsupported(.format(2)), .unsupported(.flags(1 << 31)),
            .unsupported(.record(kind: 9)),
            .refusedParameters(Argon2id.Parameters(passes: 33, memoryKiB: 12)), .wrongPassphrase,
            .outOfMemory,
            .busy, .replaced, .replacedDuringWrite, .readOnly, .transactionTooLarge, .timeExhausted,
            .outcomeUnknown(.ioError), .previousFailure, .io(.save, .noSpace), .io(.open, .permissionDenied),
            .rolledBack(Rollback(.diverged, lastSeen: 1)), .newerKeys, .numbersExhausted, .noSuchVersion,
            .keysChanged, .severalNames, .rewriteDiffers(at: 4608), .cancelled,
            .wrongRecoveryKey, .mistypedRecoveryKey, .noRecoveryKey,
            .io(.rewrite, .noSpace), .changedMeanwhile, .changedWhileRead,
        ].map { .file($0) }

    @Test(
        arguments: errors.map { WireFailure.vault($0) } + [
            .malformed, .wouldLengthen, .nothingOpened, .otherFile,
        ])
    func `every failure arrives as it was sent`(failure: WireFailure) throws {
        let arrived = try read(failure.message.dropFirst(5))
        #expect(arrived == failure)
    }

    private func read(_ body: some Sequence<UInt8>) throws(MalformedMessage) -> WireFailure {
        let body = Array(body)
        var reader = FieldReader(body.span)
        return try WireFailure(&reader)
    }

    @Test func `a failure without a meaning is malformed`() {
        for code: UInt8 in [0, 10, 19, 56, 59, 64, 255] {
            let bytes = [code] + [UInt8](repeating: 0, count: 17)
            #expect(throws: MalformedMessage.self) { try read(bytes) }
        }
        let noSuchOperation: [UInt8] = [41, 0, 99] + [UInt8](repeating: 255, count: 15)
        #expect(throws: MalformedMessage.self) { try read(noSuchOperation) }
    }

    /// A request of each kind, in bytes.
    static let requests: [[UInt8]] = {
        let path: [UInt8] = [2, 0] + Array("/v".utf8)
        let limits = [UInt8](repeating: 1, count: 2) + [UInt8](repeating: 0, count: 6)
        let secret: [UInt8] = [2, 3, 1] + Array("webA".utf8)
        let metadata: [UInt8] = [130, 3, 1] + Array("webA".utf8)
        var checkpoint = [UInt8](repeating: 0, count: 984)
        checkpoint[80] = 1
        return [
            [0] + Array("vault-ag".utf8) + [5, 0], [1], [2] + path,
            [3] + path + [UInt8](repeating: 7, count: 32) + limits + limits + [1, 0, 0, 0],
            [3] + path + [UInt8](repeating: 7, count: 32) + limits + limits + [1, 1] + path,
            [4] + path + limits + limits + [0],
            [5] + path, [6] + path, [7, 0], [7, 1], [8] + secret, [9] + secret, [10] + secret + [0, 0, 0, 0],
            [9] + metadata, [10] + metadata + [1, 0, 0, 0], [11, 1] + metadata + [1, 0, 0, 0, 65],
            [11, 2] + metadata + [0, 0, 0, 0], [11, 3] + metadata + [9, 0, 0, 0, 1] + limits,
            [11, 1] + secret + [2, 0, 0, 0, 65, 66] + [2] + secret + [0, 0, 0, 0], [11], [12],
            [11, 3] + secret + [0, 0, 0, 0], [11, 3] + secret + [9, 0, 0, 0, 2] + limits,
            [13] + path + [1] + path, [13] + path + [2] + path, [13] + path + [3] + path + [0],
            [13] + path + [3] + path + [2] + limits, [13] + path + [4] + path + path,
            [13] + path + [5] + path + [0], [13] + path + [5] + path + [1] + checkpoint,
            [13] + path + [6] + path + path, [13] + path + [7] + path + path + [31],
            [13] + path + [8] + path, [13] + path + [10] + path + path,
            [13] + path + [9] + path + secret + limits + limits + limits,
            [15] + path + path,
            [14] + path + [UInt8](repeating: 7, count: 32),
        ]
    }()

    private func isRequest(_ bytes: [UInt8]) -> Bool {
        do throws(MalformedMessage) {
            _ = try Request.decode(bytes.span)
            return true
        } catch {
            return false
        }
    }

    @Test func `each kind of request is read, and not a byte more or less of it`() {
        for bytes in Self.requests {
            let read = isRequest(bytes)
            #expect(read, "\(bytes)")
            let more = isRequest(bytes + [0])
            #expect(!more, "\(bytes)")
            // A shorter commit can be valid, with fewer changes.
            for count in 0..<bytes.count where bytes[0] != 11 {
                let cut = isRequest(Array(bytes.prefix(count)))
                #expect(!cut, "\(bytes) cut to \(count)")
            }
        }
    }

    @Test func `so many secrets are asked for in one request, and not one more`() {
        let most = (0..<32768).flatMap { _ in [1, 0, 1, 65] as [UInt8] }
        #expect(isRequest([8] + most))
        #expect(!isRequest([8] + most + [1, 0, 1, 65]))
        #expect(isRequest([8, 1, 0, 1, 65, 2, 1, 1, 65, 65]))
    }

    @Test(
        arguments: [
            [6, 0, 0], [6, 1, 0, 118], [6, 2, 0, 47, 0], [6, 2, 0, 47, 255],
            [6, 255, 255] + [UInt8](repeating: 47, count: 65535),
            [7, 2], [7], [8, 129, 0, 1, 65], [9, 132, 0, 1, 65], [9, 128, 0, 1, 65],
            [8, 1, 0, 0], [8, 1, 0, 1, 45], [8, 4, 0, 1, 65], [8, 1, 1, 1, 65, 65], [8, 2, 0, 1, 65],
            [8, 1, 0, 1, 65, 1, 0, 0],
            [14],
            [13, 2, 0, 47, 118, 0, 2, 0, 47, 118], [13, 2, 0, 47, 118, 6, 2, 0, 47, 118],
            [13, 2, 0, 47, 118, 3, 2, 0, 47, 118, 3],
            [255],
            [11, 4, 1, 0, 1, 65, 0, 0, 0, 0], [11, 3, 1, 0, 1, 65, 1, 0, 0, 0, 1],
            [11, 3, 1, 0, 1, 65, 9, 0, 0, 0, 3] + [UInt8](repeating: 1, count: 8),
            [11, 2, 1, 0, 1, 65, 1, 0, 0, 0, 65],
            [11, 1, 1, 0, 1, 65, 255, 255, 255, 255],
            [0] + Array("vault-AG".utf8) + [1, 0],
            [4, 2, 0, 47, 118] + [UInt8](repeating: 255, count: 16) + [0],
            [4, 2, 0, 47, 118] + [UInt8](repeating: 0, count: 16) + [2],
            [3, 2, 0, 47, 118] + [UInt8](repeating: 0, count: 49),
        ] as [[UInt8]])
    func `what breaks a rule is no request`(bytes: [UInt8]) {
        let read = isRequest(bytes)
        #expect(!read)
    }

    @Test func `fifty thousand mutated messages are each answered with one whole message, or end the talk`()
        throws
    {
        let world = try AgentWorld()
        let vault = try world.open(try world.makeVault())
        var random = SystemRandomNumberGenerator()
        var reply = try SecretBuffer()
        var ends = 0
        for _ in 0..<50_000 {
            var bytes = Self.requests.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                switch Int.random(in: 0..<3, using: &random) {
                case 0 where !bytes.isEmpty:
                    bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
                        in: 0...255, using: &random)
                case 1:
                    bytes.insert(
                        UInt8.random(in: 0...255, using: &random),
                        at: Int.random(in: 0...bytes.count, using: &random))
                default: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
                }
            }
            let answer = try Responder.answer(bytes.span, about: { vault }, into: &reply)
            switch answer {
            case .replied, .over: break
            case .later:
                let count = reply.count
                #expect(count == 0)
                continue
            }
            let (count, isFailure) = reply.withBytes { reply in
                (reply.count, reply.count > 4 && reply[4] == AgentProtocol.failureKind)
            }
            let announced = reply.withBytes { reply in
                (0..<4).reduce(0) { $0 | Int(reply[$1]) << (8 * $1) }
            }
            #expect(announced + 4 == count)
            if case .over = answer {
                ends += 1
                #expect(isFailure)
            }
            reply.truncate(to: 0)
        }
        #expect(ends > 1000)
    }
}
