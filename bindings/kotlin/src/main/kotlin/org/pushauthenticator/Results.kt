package org.pushauthenticator

import java.io.IOException

/** What came of a person's answer to a sign-on request. */
public sealed interface Answer {
    /** The server took it; the request has this state: approved or denied. */
    public data class Settled(val state: NotificationState) : Answer

    /**
     * The server refused it: a wrong number, or too late. [message] is what it said, cleaned. Both are missing when
     * another round of the courier brought the refusal.
     */
    public data class Refused(val status: UShort?, val message: String?) : Answer

    /** It was sent, perhaps more than once, and what came of it is not known. */
    public data object OutcomeUnknown : Answer

    /** It is stored and will be sent when the server can be reached: see [Courier.deliver]. */
    public data object Queued : Answer

    /** The request's time was over before it could be sent. */
    public data object Expired : Answer

    /** The core did not take the answer: nothing was stored or sent. */
    public data class Rejected(val reason: AuthenticatorException) : Answer
}

/** What came of adding an account. */
public sealed interface Enrolled {
    /** The account is ready. */
    public data class Ready(val account: Account) : Enrolled

    /** The account is stored; its registration is sent when the server can be reached: see [Courier.deliver]. */
    public data class Queued(val account: Account) : Enrolled

    /** Whether the server knows this phone is not certain; the first valid message will tell. */
    public data class Unconfirmed(val account: Account) : Enrolled

    /**
     * The server refused the registration, and the account is not there. [message] is what it said, cleaned. Both are
     * missing when another round of the courier brought the refusal.
     */
    public data class Refused(val status: UShort?, val message: String?) : Enrolled

    /** The core did not take it: nothing was stored or sent. */
    public data class Rejected(val reason: AuthenticatorException) : Enrolled
}

/** What came of asking one account's server for what is pending. */
public sealed interface PullResult {
    /** The account that was asked for. */
    public val accountId: String

    /** The server answered. */
    public data class Answered(override val accountId: String, val pulled: Pulled) : PullResult

    /** The server refused, or answered something that cannot be understood. */
    public data class Rejected(override val accountId: String, val reason: AuthenticatorException) : PullResult

    /** No answer came. */
    public data class Unreachable(override val accountId: String, val cause: IOException) : PullResult
}

/** What came of a push. */
public sealed interface Arrival {
    /** The sign-on request; it may be settled already, when the push came late or again. */
    public data class Request(val notification: Notification) : Arrival

    /** The push was a hint, and its message did not come: [result] says whether the server could be asked at all. */
    public data class Missing(val result: PullResult) : Arrival
}

/** Signs what an account's server is asked with, by the account's own key, where that is in hardware and needs no person. */
public fun interface PullSigner {
    /** Has these bytes signed; nothing where the app has no such key. */
    public suspend fun sign(accountId: String, toSign: ToSign): Signed?
}

/** What came of an attempt to send one request of the outbox. */
public data class Report(val requestId: String, val kind: RequestKind, val delivery: Delivery)
