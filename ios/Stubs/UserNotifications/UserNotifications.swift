// What AuthenticatorDevice uses of Apple's UserNotifications, for systems without it. Keeps what it is given.
import Foundation

open class UNNotificationContent: @unchecked Sendable {
    public var userInfo: [AnyHashable: Any] = [:]
    public init() {}
}

open class UNMutableNotificationContent: UNNotificationContent, @unchecked Sendable {
    public var title = "", subtitle = "", body = "", categoryIdentifier = ""
    public var sound: UNNotificationSound?
}

public final class UNNotificationSound: Sendable {
    public static let `default` = UNNotificationSound()
}

open class UNNotificationTrigger: @unchecked Sendable {}

open class UNNotificationRequest: @unchecked Sendable {
    public let identifier: String
    public let content: UNNotificationContent
    public init(identifier: String, content: UNNotificationContent, trigger _: UNNotificationTrigger?) {
        (self.identifier, self.content) = (identifier, content)
    }
}

open class UNNotification: @unchecked Sendable {
    public let request: UNNotificationRequest
    init(_ request: UNNotificationRequest) { self.request = request }
}

open class UNUserNotificationCenter: @unchecked Sendable {
    private static let only = UNUserNotificationCenter()
    private let lock = NSLock()
    private var delivered: [UNNotification] = []

    public static func current() -> UNUserNotificationCenter { only }

    /// Shown at once, in the place of one with the same identifier.
    public func add(_ request: UNNotificationRequest) async throws {
        lock.withLock { delivered = delivered.filter { $0.request.identifier != request.identifier } + [UNNotification(request)] }
    }

    public func deliveredNotifications() async -> [UNNotification] { lock.withLock { delivered } }

    public func removeDeliveredNotifications(withIdentifiers identifiers: [String]) {
        lock.withLock { delivered.removeAll { identifiers.contains($0.request.identifier) } }
    }
}

public struct UNNotificationActionOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let authenticationRequired = Self(rawValue: 1)
    public static let destructive = Self(rawValue: 2)
}

open class UNNotificationAction: @unchecked Sendable {
    public let identifier: String, title: String
    public let options: UNNotificationActionOptions
    public init(identifier: String, title: String, options: UNNotificationActionOptions) {
        (self.identifier, self.title, self.options) = (identifier, title, options)
    }
}

public struct UNNotificationCategoryOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
}

open class UNNotificationCategory: Hashable, @unchecked Sendable {
    public let identifier: String
    public let actions: [UNNotificationAction]
    public init(identifier: String, actions: [UNNotificationAction], intentIdentifiers _: [String], options _: UNNotificationCategoryOptions = []) {
        (self.identifier, self.actions) = (identifier, actions)
    }

    public static func == (left: UNNotificationCategory, right: UNNotificationCategory) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
