internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultCore

/// The reason why a request failed: agent-protocol.md, section 5.
enum WireFailure: Error, Equatable {
    case vault(VaultError)
    case malformed
    case wouldLengthen
    case nothingOpened
    case otherFile

    /// Translates an error that was thrown while a request was answered.
    init(_ error: any Error) {
        self =
            switch error {
            case let error as WireFailure: error
            case let error as VaultError: .vault(error)
            case let error as VaultFileError: .vault(.file(error))
            case is SodiumError: .vault(.file(.outOfMemory))
            default: .malformed
            }
    }

    /// Reads the body of the message that replaces a reply.
    init(_ reader: inout FieldReader) throws(MalformedMessage) {
        let code = try reader.number(UInt16.self)
        guard let failure = WireFailure.table(code, try reader.number(), try reader.number()) else {
            throw MalformedMessage()
        }
        self = failure
    }

    /// The whole message that replaces a reply.
    var message: [UInt8] {
        let (first, second) = numbers
        let code = WireFailure.codes.first { WireFailure.table($0, first, second) == self }
        return AgentProtocol.message(
            AgentProtocol.failureKind,
            (code ?? WireFailure.codeOfOthers).field + first.field + second.field)
    }

    private static let codes: ClosedRange<UInt16> = 1...63
    /// The code of `previousFailure`, for errors that no agent has: those of a client about its agent or its own copies.
    private static let codeOfOthers: UInt16 = 40

    /// Returns the failure that has this code and these numbers, or nil if there is none.
    ///
    /// Both directions use this table: the code of a failure is the one for which the table returns it.
    private static func table(_ code: UInt16, _ first: UInt64, _ second: UInt64) -> WireFailure? {
        switch code {
        case 1: .vault(.locked)
        case 2: .vault(.invalidName)
        case 3: .vault(.invalidID)
        case 4: .vault(.valueTooLong)
        case 5: .vault(.invalidPassphrase)
        case 6: .vault(.noSuchSecret)
        case 7: .vault(.noSuchVersion)
        case 8: .vault(.derivationBusy)
        case 9: .vault(.metadataTooLong)
        case 60: .malformed
        case 61: .wouldLengthen
        case 62: .nothingOpened
        case 63: .otherFile
        default: fileErrors(code, first, second).map { .vault(.file($0)) }
        }
    }

    /// The part of the table about the vault's file.
    private static func fileErrors(_ code: UInt16, _ first: UInt64, _ second: UInt64) -> VaultFileError? {
        switch code {
        case 20: .noFile
        case 21: element(first, of: notAVaultReasons).map { .notAVault($0) }
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
        case 39: .outcomeUnknown(Errno(field: first))
        case 40: .previousFailure
        case 41: element(first, of: operations).map { .io($0, Errno(field: second)) }
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
        case 54: .changedMeanwhile
        case 55: .changedWhileRead
        default: nil
        }
    }

    /// The numbers that go with the code.
    private var numbers: (UInt64, UInt64) {
        guard case .vault(.file(let error)) = self else { return (0, 0) }
        return switch error {
        case .notAVault(let reason): (WireFailure.index(of: reason, in: WireFailure.notAVaultReasons), 0)
        case .incompleteCopy(let count, let expected): (count, expected)
        case .damaged(let offset), .rewriteDiffers(let offset): (offset, 0)
        case .unsupported(.format(let number)): (UInt64(number), 0)
        case .unsupported(.flags(let bits)): (UInt64(bits), 0)
        case .unsupported(.record(let kind)): (UInt64(kind), 0)
        case .refusedParameters(let parameters): (UInt64(parameters.passes), UInt64(parameters.memoryKiB))
        case .outcomeUnknown(let error): (error.number, 0)
        case .io(let operation, let error):
            (WireFailure.index(of: operation, in: WireFailure.operations), error.number)
        case .rolledBack(let rollback): (UInt64(rollback.reason.rawValue), rollback.lastSeen)
        case .noFile, .alreadyExists, .damagedHeader, .tamperedHeader, .wrongPassphrase, .outOfMemory, .busy,
            .replaced, .replacedDuringWrite, .readOnly, .transactionTooLarge, .timeExhausted,
            .previousFailure, .keysChanged, .severalNames, .cancelled, .wrongRecoveryKey,
            .mistypedRecoveryKey, .noRecoveryKey, .newerKeys, .numbersExhausted, .noSuchVersion,
            .tooManyPurged, .changedMeanwhile, .changedWhileRead:
            (0, 0)
        }
    }

    // The order of both lists is part of the protocol.
    private static let notAVaultReasons: [VaultFileError.NotAVaultReason] = [
        .empty, .directory, .special, .content,
    ]
    private static let operations: [VaultFileError.Operation] = [
        .open, .read, .write, .truncate, .lock, .sync, .create, .rename, .save, .checkpoint, .attributes,
        .rewrite,
    ]

    private static func element<T>(_ index: UInt64, of list: [T]) -> T? {
        index < list.count ? list[Int(index)] : nil
    }

    private static func index<T: Equatable>(of element: T, in list: [T]) -> UInt64 {
        UInt64(list.firstIndex(of: element) ?? 0)
    }
}

extension Errno {
    /// Creates an error from its number in a message.
    init(field number: UInt64) { self.init(rawValue: Int32(truncatingIfNeeded: number)) }

    /// The number of this error in a message.
    var number: UInt64 { UInt64(UInt32(bitPattern: rawValue)) }
}
