internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit

/// Why a request was not done: agent-protocol.md, section 5.
enum WireFailure: Error, Equatable {
    case vault(VaultError)
    case malformed
    case wouldLengthen
    case nothingOpened
    case otherFile

    /// A failure as three numbers.
    typealias Numbers = (code: UInt16, first: UInt64, second: UInt64)

    /// Appends the message that stands in a reply's place.
    func append(to buffer: inout SecretBuffer) throws(SodiumError) {
        let numbers = numbers
        try buffer.appendHead(AgentProtocol.failureKind, bodySize: 18)
        try buffer.append(number: numbers.code)
        try buffer.append(number: numbers.first)
        try buffer.append(number: numbers.second)
    }

    /// Reads the body of such a message.
    init(_ body: Span<UInt8>) throws(MalformedMessage) {
        var reader = FieldReader()
        let code = try reader.number(UInt16.self, of: body)
        let first = try reader.number(UInt64.self, of: body)
        let second = try reader.number(UInt64.self, of: body)
        switch code {
        case 60: self = .malformed
        case 61: self = .wouldLengthen
        case 62: self = .nothingOpened
        case 63: self = .otherFile
        default:
            guard let error = WireFailure.error((code, first, second)) else { throw MalformedMessage() }
            self = .vault(error)
        }
    }

    private var numbers: Numbers {
        switch self {
        case .vault(let error): WireFailure.numbers(error)
        case .malformed: (60, 0, 0)
        case .wouldLengthen: (61, 0, 0)
        case .nothingOpened: (62, 0, 0)
        case .otherFile: (63, 0, 0)
        }
    }

    private static func numbers(_ error: VaultError) -> Numbers {
        switch error {
        case .locked: (1, 0, 0)
        case .invalidName: (2, 0, 0)
        case .invalidID: (3, 0, 0)
        case .valueTooLong: (4, 0, 0)
        case .invalidPassphrase: (5, 0, 0)
        case .noSuchSecret: (6, 0, 0)
        case .noSuchVersion: (7, 0, 0)
        case .derivationBusy: (8, 0, 0)
        // What a client says of an agent, which has no agent of its own, and of files that only clients copy.
        case .agentLost, .notABackup, .newerBackup, .sameFile: (40, 0, 0)
        case .file(let error): numbers(error)
        }
    }

    private static func numbers(_ error: VaultFileError) -> Numbers {
        switch error {
        case .noFile: (20, 0, 0)
        case .notAVault(let foreign): (21, UInt64(notAVaultReasons.firstIndex(of: foreign) ?? 0), 0)
        case .alreadyExists: (22, 0, 0)
        case .incompleteCopy(let count, let expected): (23, count, expected)
        case .damagedHeader: (24, 0, 0)
        case .tamperedHeader: (25, 0, 0)
        case .damaged(let offset): (26, offset, 0)
        case .unsupported(.format(let number)): (27, UInt64(number), 0)
        case .unsupported(.flags(let bits)): (28, UInt64(bits), 0)
        case .unsupported(.record(let kind)): (29, UInt64(kind), 0)
        case .refusedParameters(let parameters):
            (30, UInt64(parameters.passes), UInt64(parameters.memoryKiB))
        case .wrongPassphrase: (31, 0, 0)
        case .outOfMemory: (32, 0, 0)
        case .busy: (33, 0, 0)
        case .replaced: (34, 0, 0)
        case .replacedDuringWrite: (35, 0, 0)
        case .readOnly: (36, 0, 0)
        case .transactionTooLarge: (37, 0, 0)
        case .timeExhausted: (38, 0, 0)
        case .outcomeUnknown(let error): (39, UInt64(UInt32(bitPattern: error.rawValue)), 0)
        case .previousFailure: (40, 0, 0)
        case .io(let operation, let error):
            (
                41, UInt64(operations.firstIndex(of: operation) ?? 0),
                UInt64(UInt32(bitPattern: error.rawValue))
            )
        case .rolledBack(let rollback): (42, UInt64(rollback.reason.rawValue), rollback.lastSeen)
        case .keysChanged: (43, 0, 0)
        case .severalNames: (44, 0, 0)
        case .rewriteDiffers(let offset): (45, offset, 0)
        case .cancelled: (46, 0, 0)
        case .wrongRecoveryKey: (47, 0, 0)
        case .mistypedRecoveryKey: (48, 0, 0)
        case .noRecoveryKey: (49, 0, 0)
        case .newerKeys: (50, 0, 0)
        case .numbersExhausted: (51, 0, 0)
        case .noSuchVersion: (52, 0, 0)
        case .tooManyPurged: (53, 0, 0)
        }
    }

    private static func error(_ numbers: Numbers) -> VaultError? {
        switch numbers.code {
        case 1: .locked
        case 2: .invalidName
        case 3: .invalidID
        case 4: .valueTooLong
        case 5: .invalidPassphrase
        case 6: .noSuchSecret
        case 7: .noSuchVersion
        case 8: .derivationBusy
        default: fileError(numbers).map { .file($0) }
        }
    }

    private static func fileError(_ numbers: Numbers) -> VaultFileError? {
        let (first, second) = (numbers.first, numbers.second)
        return switch numbers.code {
        case 20: .noFile
        case 21:
            notAVaultReasons.indices.contains(Int(clamping: first))
                ? .notAVault(notAVaultReasons[Int(first)]) : nil
        case 22: .alreadyExists
        case 23: .incompleteCopy(count: first, expected: second)
        case 24: .damagedHeader
        case 25: .tamperedHeader
        case 26: .damaged(at: first)
        case 27: .unsupported(.format(UInt16(truncatingIfNeeded: first)))
        case 28: .unsupported(.flags(UInt32(truncatingIfNeeded: first)))
        case 29: .unsupported(.record(kind: UInt8(truncatingIfNeeded: first)))
        case 30:
            .refusedParameters(
                Argon2id.Parameters(
                    passes: UInt32(truncatingIfNeeded: first), memoryKiB: UInt32(truncatingIfNeeded: second)))
        case 31: .wrongPassphrase
        case 32: .outOfMemory
        case 33: .busy
        case 34: .replaced
        case 35: .replacedDuringWrite
        case 36: .readOnly
        case 37: .transactionTooLarge
        case 38: .timeExhausted
        case 39: .outcomeUnknown(systemError(first))
        case 40: .previousFailure
        case 41:
            operations.indices.contains(Int(clamping: first))
                ? .io(operations[Int(first)], systemError(second)) : nil
        case 42:
            Rollback.Reason(rawValue: UInt8(truncatingIfNeeded: first)).map {
                .rolledBack(Rollback($0, lastSeen: second))
            }
        case 43: .keysChanged
        case 44: .severalNames
        case 45: .rewriteDiffers(at: first)
        case 46: .cancelled
        case 47: .wrongRecoveryKey
        case 48: .mistypedRecoveryKey
        case 49: .noRecoveryKey
        case 50: .newerKeys
        case 51: .numbersExhausted
        case 52: .noSuchVersion
        case 53: .tooManyPurged
        default: nil
        }
    }

    private static func systemError(_ number: UInt64) -> Errno {
        Errno(rawValue: Int32(truncatingIfNeeded: number))
    }

    /// The order of these two lists is the protocol's.
    private static let notAVaultReasons: [VaultFileError.NotAVaultReason] = [
        .empty, .directory, .special, .content,
    ]
    private static let operations: [VaultFileError.Operation] = [
        .open, .read, .write, .truncate, .lock, .sync, .create, .rename, .save, .checkpoint, .attributes,
        .rewrite,
    ]
}
