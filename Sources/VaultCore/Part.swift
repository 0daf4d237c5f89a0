package import VaultFile

/// What a version of a secret is a version of; each part has a history of its own.
public enum Part: Hashable, Sendable {
    /// The value.
    case value
    /// What the secret is for: ``Metadata``.
    case metadata
}

extension Address {
    /// The part of the secret whose versions are at this address.
    package var part: Part { isOfMetadata ? .metadata : .value }
}
