import Foundation

extension DeviceKey {
    /// Describes a key by its public half in the format of Apple's frameworks: the uncompressed point of ANSI X9.63, 65
    /// bytes (`SecKeyCopyExternalRepresentation`, CryptoKit's `x963Representation`). The core rejects anything else.
    public init(point: Data, level: KeyLevel, presence: UserPresence, attestation: [Data]? = nil) {
        self.init(jwk: Self.jwk(point: point), level: level, presence: presence, attestation: attestation)
    }

    /// Returns such a public half as a JWK, in the form of ``jwk`` and ``AccountKey/jwk``. An account's key is the one
    /// with the identical text.
    public static func jwk(point: Data) -> String {
        let coordinates = point.dropFirst()
        let (x, y) = (coordinates.prefix(coordinates.count / 2), coordinates.suffix(coordinates.count / 2))
        return #"{"crv":"P-256","kty":"EC","x":"\#(base64URL(x))","y":"\#(base64URL(y))"}"#
    }

    private static func base64URL(_ bytes: Data) -> String {
        bytes.base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }
}

extension ToSign {
    /// Returns these bytes with the account key's signature over them: `.ecdsaSignatureMessageX962SHA256` of Security,
    /// or CryptoKit's `derRepresentation`.
    public func signed(der: Data) -> Signed { Signed(bytes: bytes, signature: .der(bytes: der)) }

    /// Returns these bytes with the account key's signature as CryptoKit's `rawRepresentation`, r and s.
    public func signed(raw: Data) -> Signed { Signed(bytes: bytes, signature: .fixed(bytes: raw)) }
}

extension Account {
    /// Whether the app must sign every answer of this account with the key that it holds for it.
    public var needsSignature: Bool { key?.isSoftware == false }
}
