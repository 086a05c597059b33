// Stub for the parts of Apple's Security that AuthenticatorDevice uses, for systems without it: enough to compile
// against, and to test how errors are distinguished. It keeps keys in memory, encrypts with XOR, and signs with what a
// test supplies. It protects nothing, and no app links it.
import Foundation

public typealias CFDictionary = [String: Any]
public typealias CFData = Data
public typealias CFString = String
public typealias CFTypeRef = AnyObject
public typealias CFError = NSError
public typealias OSStatus = Int32

public struct Unmanaged<T: AnyObject> {
    let value: T
    public func takeRetainedValue() -> T { value }
}

public let errSecSuccess: OSStatus = 0
public let errSecItemNotFound: OSStatus = -25300
public let errSecInteractionNotAllowed: OSStatus = -25308
public let errSecAuthFailed: OSStatus = -25293
public let errSecParam: OSStatus = -50

public let kSecClass = "class", kSecClassKey = "keys", kSecAttrKeyType = "type", kSecAttrKeySizeInBits = "bsiz"
public let kSecAttrKeyTypeECSECPrimeRandom = "73", kSecAttrTokenID = "tkid", kSecAttrTokenIDSecureEnclave = "com.apple.setoken"
public let kSecPrivateKeyAttrs = "private", kSecAttrIsPermanent = "perm", kSecAttrApplicationTag = "atag"
public let kSecAttrAccessControl = "accc", kSecAttrAccessGroup = "agrp", kSecReturnRef = "r_Ref"
public let kSecUseAuthenticationContext = "u_AuthCtx", kSecAttrIsExtractable = "extr"
public let kSecMatchLimit = "m_Limit", kSecMatchLimitAll = "m_LimitAll", kSecReturnAttributes = "r_Attributes", kSecValueRef = "v_Ref"
public let kSecAttrAccessibleWhenUnlockedThisDeviceOnly = "aku"
public let kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly = "cku", kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly = "akpu"
nonisolated(unsafe) public let kCFAllocatorDefault: AnyObject? = nil

public struct SecAccessControlCreateFlags: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let privateKeyUsage = Self(rawValue: 1 << 30)
    public static let biometryCurrentSet = Self(rawValue: 1 << 3)
}

public final class SecAccessControl: Sendable {
    public let protection: String
    public let flags: SecAccessControlCreateFlags

    init(_ protection: String, _ flags: SecAccessControlCreateFlags) {
        self.protection = protection
        self.flags = flags
    }
}

public func SecAccessControlCreateWithFlags(
    _: AnyObject?, _ protection: String, _ flags: SecAccessControlCreateFlags, _: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> SecAccessControl? {
    SecAccessControl(protection, flags)
}

public final class SecKey: Sendable {
    let pad: UInt8
    public let access: SecAccessControl?
    let pair: StubPair?

    init(_ pad: UInt8, _ access: SecAccessControl?, _ pair: StubPair?) {
        self.pad = pad
        self.access = access
        self.pair = pair
    }
}

public enum SecKeyAlgorithm: Sendable { case eciesEncryptionCofactorVariableIVX963SHA256AESGCM, ecdsaSignatureMessageX962SHA256 }

/// A real key pair, from a test that has one.
public struct StubPair: Sendable {
    let point: Data
    let sign: @Sendable (Data) -> Data

    public init(point: Data, sign: @escaping @Sendable (Data) -> Data) {
        self.point = point
        self.sign = sign
    }
}

/// The keychain, as set up by a test.
public final class StubKeychain: @unchecked Sendable {
    public static let shared = StubKeychain()
    private let lock = NSLock()
    private var keys: [Data: SecKey] = [:]
    private var made: UInt8 = 0
    private var status = errSecSuccess
    private var decryption = errSecSuccess
    private var invalid: Set<UInt8> = []

    private var pairs: (@Sendable () -> StubPair)?

    /// Sets where signing keys come from.
    public func makePairs(_ pairs: @escaping @Sendable () -> StubPair) { lock.withLock { self.pairs = pairs } }
    public var tags: [String] { lock.withLock { keys.keys.map { String(decoding: $0, as: UTF8.self) } } }
    var all: (OSStatus, [(Data, SecKey)]) { lock.withLock { (status, keys.map { ($0.key, $0.value) }) } }

    /// Sets the error with which looking up a key fails.
    public func lookUp(endsWith status: OSStatus) { lock.withLock { self.status = status } }
    /// Sets the result of using a private key.
    public func use(endsWith status: OSStatus) { lock.withLock { decryption = status } }
    public func reset() { lock.withLock { (keys, invalid, status, decryption) = ([:], [], errSecSuccess, errSecSuccess) } }
    /// Makes all current keys that are bound to a biometric unusable, as enrolling another face or finger does.
    public func invalidate() {
        lock.withLock { invalid.formUnion(keys.values.filter { $0.access?.flags.contains(.biometryCurrentSet) == true }.map(\.pad)) }
    }
    public func key(_ tag: String) -> SecKey? { lock.withLock { keys[Data(tag.utf8)] } }

    func find(_ tag: Data) -> (OSStatus, SecKey?) {
        lock.withLock { status != errSecSuccess ? (status, nil) : keys[tag].map { (errSecSuccess, $0) } ?? (errSecItemNotFound, nil) }
    }

    func make(_ tag: Data, _ access: SecAccessControl?) -> SecKey {
        lock.withLock {
            made &+= 1
            let key = SecKey(made, access, pairs?())
            keys[tag] = key
            return key
        }
    }

    func remove(_ tag: Data) -> OSStatus { lock.withLock { keys.removeValue(forKey: tag) } == nil ? errSecItemNotFound : errSecSuccess }
    func useStatus(_ key: SecKey) -> OSStatus { lock.withLock { invalid.contains(key.pad) ? errSecAuthFailed : decryption } }
}

public func SecItemCopyMatching(_ query: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?) -> OSStatus {
    if query[kSecMatchLimit] as? String == kSecMatchLimitAll {
        let (status, keys) = StubKeychain.shared.all
        guard status == errSecSuccess, !keys.isEmpty else { return status == errSecSuccess ? errSecItemNotFound : status }
        result?.pointee = keys.map { [kSecAttrApplicationTag: $0.0, kSecValueRef: $0.1] as [String: Any] } as AnyObject
        return errSecSuccess
    }
    let (status, key) = StubKeychain.shared.find(query[kSecAttrApplicationTag] as? Data ?? Data())
    result?.pointee = key
    return status
}

public func SecItemDelete(_ query: CFDictionary) -> OSStatus {
    StubKeychain.shared.remove(query[kSecAttrApplicationTag] as? Data ?? Data())
}

public func SecKeyCreateRandomKey(_ attributes: CFDictionary, _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?) -> SecKey? {
    guard let own = attributes[kSecPrivateKeyAttrs] as? [String: Any], let tag = own[kSecAttrApplicationTag] as? Data else {
        error?.pointee = Unmanaged(value: NSError(domain: NSOSStatusErrorDomain, code: Int(errSecParam)))
        return nil
    }
    return StubKeychain.shared.make(tag, own[kSecAttrAccessControl] as? SecAccessControl)
}

public func SecKeyCopyPublicKey(_ key: SecKey) -> SecKey? { key }

public func SecKeyCopyExternalRepresentation(_ key: SecKey, _: UnsafeMutablePointer<Unmanaged<CFError>?>?) -> CFData? { key.pair?.point }

public func SecKeyCreateSignature(
    _ key: SecKey, _: SecKeyAlgorithm, _ data: CFData, _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> CFData? {
    let status = StubKeychain.shared.useStatus(key)
    guard status == errSecSuccess, let pair = key.pair else {
        error?.pointee = Unmanaged(value: NSError(domain: NSOSStatusErrorDomain, code: Int(status)))
        return nil
    }
    return pair.sign(data)
}

public func SecKeyCreateEncryptedData(
    _ key: SecKey, _: SecKeyAlgorithm, _ plain: CFData, _: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> CFData? {
    Data([key.pad] + plain.map { $0 ^ key.pad })
}

public func SecKeyCreateDecryptedData(
    _ key: SecKey, _: SecKeyAlgorithm, _ sealed: CFData, _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> CFData? {
    let use = StubKeychain.shared.useStatus(key)
    let status = use != errSecSuccess ? use : sealed.first == key.pad ? 0 : errSecParam
    guard status == errSecSuccess else {
        error?.pointee = Unmanaged(value: NSError(domain: NSOSStatusErrorDomain, code: Int(status)))
        return nil
    }
    return Data(sealed.dropFirst().map { $0 ^ key.pad })
}
